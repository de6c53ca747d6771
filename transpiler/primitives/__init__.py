"""The primitive table: one frozen object per primitive with all of its rules, one file per family."""
