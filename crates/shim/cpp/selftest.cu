// Kernels that show the shim's own behaviour, and one fault each.
