"""What a plugin must keep to, as checks that anybody can run on one."""
