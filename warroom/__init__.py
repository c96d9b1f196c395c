"""The live side: pages, hourly sync, alerts, retrospective."""
