"""Each thing that can go wrong with an upstream × each upstream × at start and after good data: what backup-glance says."""
