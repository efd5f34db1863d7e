"""How likely a model holds each class in each window, and the events spotted from that."""
