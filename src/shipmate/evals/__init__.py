"""Cases, scorers, judge, runner, gate, reports: the proof before a change ships."""
