"""The command `kgan`: one file a verb, each of them parse, one call, echo."""
