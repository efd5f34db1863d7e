// The page of a match: how its parts work together.

const data = JSON.parse($("data").textContent);
const verdicts = new Verdicts(data);
const list = new List({ ...data, onChoose: (item) => choose(item) });
const player = new Player({
  ...data,
  onTime: (time) => timeline.moveTo(time),
  // Where nobody has probed the video, its length was a guess from what was predicted of it.
  onLength: (seconds) => {
    if (data.fingerprint !== null || !Number.isFinite(seconds)) return;
    data.duration = Math.max(data.duration, seconds);
    timeline.extend(data.duration);
  },
});
const VERDICT_LANE = data.lanes.length;
const timeline = new Timeline({
  lanes: [...data.lanes, { name: "your verdicts", kind: "verdicts", looked: [[0, 1e9]] }],
  duration: data.duration,
  onPick: (mark) => choose(mark.item, { time: mark.time }),
  onSeek: (time) => seek(time),
});

/** The best of some places; null if there is none. */
function best(ranks) {
  const known = ranks.filter((rank) => rank !== null);
  return known.length ? Math.min(...known) : null;
}

const moments = data.moments.map((moment, index) => {
  const strengths = moment.claims.flatMap((claim) =>
    claim.predictions.filter(([lane]) => data.lanes[lane].kind === "model").map(([, , strength]) => strength));
  const known = strengths.filter((strength) => strength !== null);
  return {
    ...moment,
    index,
    id: index + 1,
    labels: new Set(moment.claims.map((claim) => claim.label)),
    lanes: new Set(moment.claims.flatMap((claim) => claim.predictions.map(([lane]) => lane))),
    truths: new Set(moment.claims.flatMap((claim) => claim.predictions.map((one) => one[5]).filter((right) => right !== null))),
    strength: known.length ? Math.max(...known) : null,
    rank: best(moment.claims.map((claim) => claim.rank)),
    decision: undefined,
  };
});
let added = [];
let chosen = null;
const statuses = new Set(ORDER);

/** An added event as the list shows it. */
const itemOf = (decision) => ({
  index: null,
  id: `added-${Math.round(1000 * decision.time)}`,
  time: decision.time,
  status: "added",
  picture: null,
  claims: [{ label: decision.label, known: true, predictions: [] }],
  labels: new Set([decision.label]),
  lanes: new Set(),
  truths: new Set(),
  strength: null,
  order: moments.length,
  listed: false,
  probability: null,
  rank: null,
  decision,
});

// --- what is shown -------------------------------------------------------------------------

function number(id) {
  const value = $(id).value === "" ? NaN : Number($(id).value);
  return Number.isFinite(value) ? value : null;
}

function filters() {
  return {
    statuses,
    label: $("by-class").value,
    lane: $("by-lane").value === "" ? null : Number($("by-lane").value),
    truth: $("by-truth")?.value ?? "",
    verdict: $("by-verdict").value,
    least: number("least"),
    most: number("most"),
  };
}

/** Show the best of what the filters let through, in the list and in the lanes. */
function apply() {
  const all = [...moments, ...added];
  const passing = filtered(all, filters());
  const items = among(passing, $("amount").value).sort(COMPARE[$("order").value]);
  list.show(items);
  timeline.lit = items.length === all.length ? null : new Set(items.map((item) => item.index));
  timeline.redraw();
  $("shown").textContent = items.length === all.length ? `${all.length}` : `${items.length} of ${all.length}`;
  countLeftOut(passing.length - items.length, passing.length, all.length);
  if (!items.length) {
    $("list").append(make("li", { className: "empty" }, passing.length ? `What passes is ${leftOut($("amount").value)}.`
      : all.length ? "Nothing passes these filters." : "No model predicted anything in this video."));
  }
  if (chosen && items.includes(chosen)) list.choose(chosen, false);
  const sure = confirmable().length;
  $("confirm-shown").hidden = sure === 0;
  $("confirm-shown").textContent = `Confirm the ${sure} agreed`;
}

/** Say how many moments are not shown though the filters let them through. */
function countLeftOut(count, passing, all) {
  const of = passing === all ? `${all} moments` : `${passing} moments that pass the filters`;
  $("left-out").textContent = count ? `${count} of ${of} ${count === 1 ? "is" : "are"} ${leftOut($("amount").value)}.` : "";
  $("show-all").hidden = count === 0;
}

/** The shown moments that all agree on, still undecided: a person can accept them in one go. */
const confirmable = () => list.items.filter((item) =>
  item.status === "agreed" && !item.decision && data.classes.includes(item.claims[0].label));

/** Take over what was decided: rows, marks, progress. */
function update(rebuild = true) {
  moments.forEach((item) => (item.decision = verdicts.of.get(item.index)));
  const before = chosen;
  added = verdicts.added.map(itemOf);
  if (before && before.index === null) chosen = added.find((item) => item.id === before.id) ?? null;
  timeline.show(marksOf());
  const decided = moments.filter((item) => item.decision).length;
  $("progress").max = Math.max(1, moments.length);
  $("progress").value = decided;
  $("progress-text").textContent = `${decided} of ${moments.length} decided`
    + (added.length ? `, ${added.length} added` : "");
  $("undo").disabled = verdicts.history.length === 0;
  if (verdicts.failed) notice("This browser cannot store verdicts: save them before you leave this page.", "warning");
  // What was chosen in the lanes and decided has its row from now on.
  if (rebuild || (chosen?.decision && !list.places.has(chosen))) apply();
  else if (chosen) list.refresh(chosen);
  judge();
}

function marksOf() {
  const marks = timeline.lanes.map(() => []);
  for (const item of moments) {
    for (const claim of item.claims) {
      for (const [lane, time, strength, , , right] of claim.predictions) {
        const about = [data.lanes[lane].name, strength === null ? null : score(strength), STATUSES[item.status],
          right === null ? null : right ? "true" : "false"];
        marks[lane].push({ lane, time, label: claim.label, status: item.status, index: item.index, item,
          about: `· ${about.filter((part) => part !== null).join(" · ")}` });
      }
    }
  }
  for (const item of [...moments, ...added]) {
    const { decision } = item;
    if (!decision) continue;
    marks[VERDICT_LANE].push({ lane: VERDICT_LANE, time: decision.time, label: decision.label,
      status: decision.verdict, index: item.index, item, about: `· ${decision.verdict}` });
  }
  for (const lane of marks) lane.sort((a, b) => a.time - b.time);
  return marks;
}

// --- the chosen moment ---------------------------------------------------------------------

function seek(time) {
  player.seek(time);
  timeline.moveTo(time);
}

/** Choose a moment: mark it everywhere and show what led to it. */
function choose(item, { time = item?.time, focus = false } = {}) {
  if (!item) return; // before the first or after the last
  chosen = item;
  timeline.chosen = item.index;
  list.choose(item, focus);
  seek(Math.max(0, time - data.lead));
  judge();
}

/** The best guess of what is true: the verdict, else what ranks best in its class. */
function guess(item) {
  if (item.decision) return item.decision;
  const claims = item.claims.filter((claim) => data.classes.includes(claim.label));
  // Scores of different classes cannot be compared.
  const claim = claims.sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity))[0];
  const predictions = (claim ?? item.claims[0]).predictions;
  const exact = predictions.find(([lane]) => data.lanes[lane]?.kind === "truth") ?? predictions[0];
  return { label: claim?.label ?? "", time: exact?.[1] ?? item.time, team: predictions.map((one) => one[3]).find(Boolean) ?? "" };
}

function judge() {
  const none = chosen === null;
  for (const id of ["label", "time", "team", "now", "confirm", "reject"]) $(id).disabled = none;
  $("judge-error").textContent = "";
  $("judge-title").replaceChildren(...(none ? ["No moment chosen"] : [clock(chosen.time, true), " ", ...chosen.claims.flatMap((claim, n) => [n ? " / " : null, named(claim.label)])].filter((part) => part !== null)));
  $("predicted").replaceChildren(...(none ? [make("p", { className: "muted" }, "Choose a moment in the list or in the lanes, or press J.")] : [table(chosen)]));
  if (none) return;
  const { label, time, team } = guess(chosen);
  $("label").value = label;
  $("time").value = clock(time, true);
  $("team").value = team;
  const verdict = chosen.decision?.verdict;
  $("confirm").textContent = verdict === "confirmed" ? "Confirmed" : "Confirm";
  $("confirm").setAttribute("aria-pressed", verdict === "confirmed");
  $("reject").textContent = verdict === "rejected" ? "Rejected" : "Reject";
  $("reject").setAttribute("aria-pressed", verdict === "rejected");
  $("reject").hidden = chosen.index === null;
}

/** Everything that was predicted of a moment, a line each; its time leads there. */
function table(item) {
  const rows = item.claims.flatMap((claim, n) => claim.predictions.map(([lane, time, strength, team, hits, right, details]) => {
    const go = make("button", { type: "button", className: "time" }, clock(time, true));
    go.addEventListener("click", () => seek(Math.max(0, time - data.lead)));
    const truth = right === null ? "" : right ? "✓ true" : "✗ false";
    const shown = make("tr", {},
      make("th", { scope: "row" }, named(data.lanes[lane].name)),
      make("td", {}, item.claims.length > 1 ? make("kbd", {}, String(n + 1)) : null, named(claim.label),
        claim.known ? null : make("span", { className: "muted" }, " (no class)")),
      make("td", {}, go),
      make("td", { className: "n" }, score(strength)),
      make("td", {}, team ?? ""),
      make("td", { className: "n" }, String(hits)),
      make("td", { className: right ? "right" : "wrong" }, truth));
    if (!details) return [shown];
    const words = make("td", { colSpan: 7, className: "details" }, named(details));
    return [shown, make("tr", {}, words)];
  }).flat());
  const heads = ["Who", "Says", "At", "Score", "Team", "Hits", "Labels"];
  const head = heads.map((text) => make("th", { scope: "col", className: ["Score", "Hits"].includes(text) ? "n" : "" }, text));
  if (!rows.length) return make("p", { className: "muted" }, "Added by you.");
  return make("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": "What was predicted of this moment" } },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

// --- verdicts ------------------------------------------------------------------------------

/** The form's label, time and team; null, with the reason shown, if they are no event. */
function entered() {
  const time = secondsOf($("time").value);
  const label = $("label").value;
  const reason = !label ? "Choose a label first: what was predicted is no class."
    : time === null ? "Write the time like 12:05.4."
      : time > data.duration + 0.05 ? `The video ends at ${clock(data.duration, true)}.` : "";
  $("judge-error").textContent = reason;
  if (reason) $(label ? "time" : "label").focus();
  return reason ? null : { time: Math.min(time, data.duration), label, team: $("team").value };
}

const about = (item) => ({ saidTime: item.time, saidLabel: item.claims[0].label });

function confirm() {
  const values = chosen && entered();
  if (!values) return;
  const decision = { ...about(chosen), verdict: "confirmed", ...values };
  if (chosen.index === null) {
    const old = chosen.decision;
    const fresh = { ...decision, saidTime: null, saidLabel: null };
    verdicts.change(() => {
      verdicts.added = verdicts.added.filter((one) => one !== old);
      verdicts.add(fresh);
    });
    chosen = itemOf(fresh);
    update();
    return;
  }
  verdicts.change(() => verdicts.of.set(chosen.index, decision));
  update(false);
}

function reject() {
  if (!chosen || chosen.index === null) return;
  const decision = { ...about(chosen), verdict: "rejected", time: chosen.time, label: chosen.claims[0].label, team: "" };
  verdicts.change(() => verdicts.of.set(chosen.index, decision));
  update(false);
}

/** Take a verdict back; an added event goes. */
function takeBack() {
  const { index, decision } = chosen;
  verdicts.change(() => {
    if (index === null) verdicts.added = verdicts.added.filter((one) => one !== decision);
    else verdicts.of.delete(index);
  });
  if (index === null) chosen = null;
  update(index === null);
}

/** Confirm, or, if just that is confirmed, take it back. */
function toggleConfirmed() {
  const { decision } = chosen ?? {};
  const same = decision?.verdict === "confirmed" && decision.label === $("label").value
    && decision.team === $("team").value && clock(decision.time, true) === $("time").value;
  if (same) takeBack();
  else confirm();
}

function toggleRejected() {
  if (chosen?.decision?.verdict === "rejected") takeBack();
  else reject();
}

function addHere() {
  const label = $("label").value || data.classes[0];
  const time = Math.round(10 * Math.min(player.works ? player.time : timeline.cursor, data.duration)) / 10;
  const decision = { saidTime: null, saidLabel: null, verdict: "confirmed", time, label, team: "" };
  verdicts.change(() => verdicts.add(decision));
  update();
  choose(added.find((item) => item.decision.time === time && item.decision.label === label));
  player.video.pause();
  notice(`Added ${label} at ${clock(time, true)}. Correct label, time and team, and confirm.`);
  $("label").focus();
}

function confirmShown() {
  const items = confirmable();
  verdicts.change(() => items.forEach((item) => {
    const { label, time, team } = guess(item);
    verdicts.of.set(item.index, { ...about(item), verdict: "confirmed", time, label, team });
  }));
  update();
  notice(`Confirmed ${items.length}. Undo takes it back.`);
}

function undo() {
  if (verdicts.undo()) update();
}

function save() {
  const file = new Blob([verdicts.toCsv(data.lanes)], { type: "text/csv" });
  const link = make("a", { href: URL.createObjectURL(file), download: `verdicts_video_${data.video}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  const open = moments.filter((item) => !item.decision).length;
  notice(open ? `Saved. ${open} moments are not decided; used as labels, the file has no event there.` : "Saved.");
}

async function load(file) {
  if (!file) return;
  const problems = verdicts.fromCsv(await file.text());
  update();
  const shown = problems.slice(0, 5);
  if (problems.length > 5) shown.push(`… and ${problems.length - 5} more rows.`);
  if (verdicts.unplaced.length) shown.push(`${verdicts.unplaced.length} verdicts are about moments that this page does not have; they are kept and saved again.`);
  notice([`Loaded ${file.name}.`, ...shown].join("\n"), problems.length ? "warning" : "");
}

/** Show the person a message until they close it. */
function notice(text, kind = "") {
  const close = make("button", { type: "button", attributes: { "aria-label": "Close this message" } }, "×");
  const box = make("p", { className: `notice ${kind}` }, make("span", {}, text), close);
  close.addEventListener("click", () => box.remove());
  $("notices").replaceChildren(box);
}

// --- keys, buttons -------------------------------------------------------------------------

function step(by) {
  choose(list.neighbour(by), { focus: true });
}

function pickClaim(place) {
  const claim = chosen?.claims[place];
  if (!claim || !data.classes.includes(claim.label)) return;
  $("label").value = claim.label;
  if (!chosen.decision) $("time").value = clock(claim.predictions[0][1], true);
  confirm();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  p: () => player.toggle(),
  " ": () => player.toggle(),
  c: toggleConfirmed,
  x: toggleRejected,
  l: () => $("label").focus(),
  t: () => setNow(),
  a: () => addHere(),
  u: () => undo(),
  "+": () => timeline.zoom(0.5),
  "=": () => timeline.zoom(0.5),
  "-": () => timeline.zoom(2),
  0: () => timeline.view(0, data.duration),
  "?": () => $("keys").showModal(),
};

function setNow() {
  if (!chosen) return;
  $("time").value = clock(player.works ? player.time : timeline.cursor, true);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  const { target } = event;
  if (event.key === "Escape" && target.matches?.("input, select")) return target.blur();
  if (!$("keys-on").checked && event.key !== "?") return;
  if (target.matches?.("input:not([type=checkbox]), select, textarea")) return;
  // A button or the player does its own thing with the space bar.
  if (event.key === " " && target.matches?.("button, video, summary, input")) return;
  const action = /^[1-9]$/.test(event.key) ? () => pickClaim(Number(event.key) - 1) : KEYS[event.key.length === 1 ? event.key.toLowerCase() : ""];
  if (!action) return;
  event.preventDefault();
  action();
}

function wire() {
  const click = (id, action) => $(id).addEventListener("click", action);
  click("save", save);
  click("load", () => $("load-file").click());
  $("load-file").addEventListener("change", () => {
    load($("load-file").files[0]);
    $("load-file").value = "";
  });
  click("undo", undo);
  click("help", () => $("keys").showModal());
  click("previous", () => step(-1));
  click("next", () => step(1));
  click("now", setNow);
  click("reject", toggleRejected);
  click("add", addHere);
  click("confirm-shown", confirmShown);
  click("zoom-in", () => timeline.zoom(0.5));
  click("zoom-out", () => timeline.zoom(2));
  click("zoom-all", () => timeline.view(0, data.duration));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    confirm();
  });
  click("show-all", () => {
    $("amount").value = "all";
    apply();
    $("amount").focus(); // the button is gone
  });
  for (const id of ["amount", "by-class", "by-lane", "by-truth", "by-verdict", "order"]) $(id)?.addEventListener("change", apply);
  for (const id of ["least", "most"]) $(id).addEventListener("input", apply);
  click("clear-filters", () => {
    for (const id of ["by-class", "by-lane", "by-truth", "by-verdict", "least", "most"]) if ($(id)) $(id).value = "";
    ORDER.forEach((status) => statuses.add(status));
    for (const button of $("statuses").children) button.setAttribute("aria-pressed", "true");
    apply();
  });
  document.addEventListener("keydown", onKey);
  try {
    $("keys-on").checked = localStorage.getItem("touchline keys") !== "off";
  } catch { /* then they are on */ }
  $("keys-on").addEventListener("change", () => {
    try {
      localStorage.setItem("touchline keys", $("keys-on").checked ? "on" : "off");
    } catch { /* they are as set until the page is left */ }
  });
}

function fill() {
  const counted = (items, key) => items.reduce((counts, item) => {
    for (const name of key(item)) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }, new Map());
  const option = (value, text) => make("option", { value, textContent: text });
  const labels = [...counted(moments, (item) => item.labels)].sort(([a], [b]) => a.localeCompare(b));
  $("by-class").append(option("", "any"), ...labels.map(([label, count]) => option(label, `${label} (${count})`)));
  $("by-lane").append(option("", "anyone"), ...data.lanes.map(({ name }, lane) => option(lane, name)));
  $("label").append(option("", "choose…"), ...data.classes.map((name) => option(name, name)));
  const counts = counted(moments, (item) => [item.status]);
  for (const status of ORDER.filter((each) => counts.has(each))) {
    const button = make("button", { type: "button", className: `chip ${status}`, attributes: { "aria-pressed": "true" } },
      make("span", { className: "shape", attributes: { "aria-hidden": "true" } }, SHAPES[status]),
      `${STATUSES[status]} `, make("b", {}, String(counts.get(status))));
    button.addEventListener("click", () => {
      if (!statuses.delete(status)) statuses.add(status);
      button.setAttribute("aria-pressed", statuses.has(status));
      apply();
    });
    $("statuses").append(button);
  }
}

fill();
wire();
verdicts.restore();
update();
