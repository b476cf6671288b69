"""Tests of the project itself: what is written beside the code must stay true of it."""
