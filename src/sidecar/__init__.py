"""backup-glance: does every service have the backup it should have, and when is the next one?"""
