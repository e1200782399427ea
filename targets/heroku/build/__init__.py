"""What is sent to Heroku to be built, and the wait for it."""
