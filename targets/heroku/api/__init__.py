"""A thin client of Heroku's Platform API, one file a resource."""
