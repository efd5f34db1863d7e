"""The pages on which a person sees a match and a run, and judges."""
