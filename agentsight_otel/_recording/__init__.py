"""Turns the application's calls into spans: turns, model calls, decorators, streams, threads, deadlines."""
