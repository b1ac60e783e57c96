/* What compilers can be told of a function.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_ATTRIBUTE_H
#define MW_BASE_ATTRIBUTE_H

/* The places of a printf format and of its first argument, counted from 1. */
#if defined(__GNUC__)
#define MW_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define MW_PRINTF(at, first)
#endif

#endif
