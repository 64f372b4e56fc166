"""What every other room stands on: settings, the never-raise boundary, the clock, bounded values, baggage."""
