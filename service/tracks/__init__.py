"""Flights that are being flown: each track takes frames in order and gives a fix for each."""
