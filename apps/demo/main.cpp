#include "apps/demo/demo.h"

int main(int argc, char** argv) { return saddle::demo_main(argc, argv); }
