#include "apps/attack/program.h"

int main(int argc, char** argv) { return saddle::attack_main(argc, argv); }
