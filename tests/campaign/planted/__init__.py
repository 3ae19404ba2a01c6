"""Bugs that are planted to see whether the campaign finds them: tests of the tests."""
