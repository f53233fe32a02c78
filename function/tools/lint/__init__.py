"""What is wrong with a definition, found before the incident: pure rules, a module per subject."""
