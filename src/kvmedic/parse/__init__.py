"""Text to record, one module for each source, named as the kernel or libvirt names it. Pure."""
