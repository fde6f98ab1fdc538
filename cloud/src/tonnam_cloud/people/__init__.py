"""Who may see and do what: users, sign-in, sessions, roles by tenant."""
