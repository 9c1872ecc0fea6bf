"""What lands store events in a lake and makes figures of them: an Azure Functions app, and the pure files behind it."""
