"""What the database is: contracts, SQL, taking in files, publishing, and the plan of what is out of date.

Nothing here knows Dagster or Great Expectations.
"""
