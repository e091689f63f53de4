"""Board: the rows of services, jobs, sources and datastores, and the headline."""
