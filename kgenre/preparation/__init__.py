"""Prepared sets: which tracks go to which shard, and the writing of shards."""
