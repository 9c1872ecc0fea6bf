"""Programs to copy: a consumer of the event hub, questions to the lake in SQL, and plots."""
