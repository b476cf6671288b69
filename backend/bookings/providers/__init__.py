"""Calendars of other companies, read for the times at which a staff member is busy elsewhere."""
