"""What every stage uses: the records of the files, the files themselves, paths, logs, intervals.

In: nothing of soccer but its clock and SoccerNet's list of classes. Out: functions and records for
all other packages. It imports none of them.
"""
