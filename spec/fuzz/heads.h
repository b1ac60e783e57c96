/* A head, looked at from all sides. SPDX-License-Identifier: MIT */
#ifndef MOONWIRE_SPEC_FUZZ_HEADS_H
#define MOONWIRE_SPEC_FUZZ_HEADS_H

#include "fuzz.h"
#include "http1/parse.h"

void fuzz_head(enum http1_kind kind, struct fuzz_input in);

#endif
