"""From a model's text to the events in it: answers in every form that models write them."""
