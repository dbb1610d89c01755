/* A GPU's driver to link with; it has no device. */
int cuInit(unsigned flags) { return (int)flags + 100; }
