#include "rung/graph/graph.h"
