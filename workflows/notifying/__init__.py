"""Telling colleagues: what there is to tell, who wants to be told of it how, and when there is too much of it."""
