"""Code that every stage uses: file formats, file access, paths, logs and intervals.

The only soccer knowledge here is the match clock and SoccerNet's list of classes. All other
packages import from this package. It imports none of them.
"""
