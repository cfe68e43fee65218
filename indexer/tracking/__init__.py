"""From a flight to its track: frames, candidates of each, a motion model, smoothed positions."""
