"""This machine: process groups under a supervisor."""
