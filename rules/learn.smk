# Models learnt from features and labels, and their events in other games.


rule learn_model:
    input:
        features=lambda wildcards: PLAN.files(
            paths.SLICE_FEATURES, PLAN.labelled_slices(wildcards.model)
        ),
        ledgers=lambda wildcards: PLAN.files(
            paths.LEDGER, PLAN.labelled_slices(wildcards.model)
        ),
        manifests=expand(result(paths.MANIFEST), video=PLAN.labelled),
        truth=[INPUTS.annotations[video] for video in PLAN.labelled],
        labels=SETTINGS.labels,
    output:
        model=result(paths.LEARNED_MODEL),
        report=result(paths.LEARNING),
    log:
        result(paths.LEARN_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.trained),
    conda:
        "../envs/analysis.yaml"
    # 40 halves take 0.8 GB and a minute. A second thread does not help (benchmarks/RESULTS.md).
    resources:
        mem_mb=memory("learn_model", 4000),
        runtime=time_limit("learn_model", 60),
    params:
        **params_of(rule_params.LearnModelParams),
    message:
        "Learning from {wildcards.model} and labels"
    script:
        "../scripts/learn_model.py"


# The events of a learnt model. It counts as another model.
rule spot_learned:
    input:
        model=lambda wildcards: PLAN.learned_file(wildcards.model),
        manifest=result(paths.MANIFEST),
        features=expand(
            result(paths.SLICE_FEATURES),
            slice=range(SETTINGS.slices),
            allow_missing=True,
        ),
        ledgers=expand(
            result(paths.LEDGER), slice=range(SETTINGS.slices), allow_missing=True
        ),
    output:
        probabilities=result(paths.PROBABILITIES),
        predictions=result(paths.learned_pattern(paths.PREDICTIONS)),
        events=result(paths.learned_pattern(paths.EVENTS)),
        coverage=result(paths.learned_pattern(paths.COVERAGE)),
    log:
        result(paths.LEARNED_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.learned),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.SpotLearnedParams),
    message:
        "Spotting events in video {wildcards.video} with the model learnt from {wildcards.model}"
    script:
        "../scripts/spot_learned.py"
