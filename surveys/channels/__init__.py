"""Ways to reach people with a survey. Each module hands deliveries over and says what became of each."""
