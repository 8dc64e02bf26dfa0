"""The test suites of other people's packages, with our server in the place of the one they were written for."""
