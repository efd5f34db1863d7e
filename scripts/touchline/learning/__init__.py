"""Learn models from features of windows and annotations, for use on other games."""
