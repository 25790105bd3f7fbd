"""The command `kgan`: one file for each verb, which parses, makes one call and prints."""
