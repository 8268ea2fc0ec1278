// SPDX-License-Identifier: GPL-2.0-only
/*
 * What generated text uses: the fields of a packed state, the forms of functions and of tables.
 *
 * The explorer is compiled for states of one shape, with WORDS (64-bit words of a state), KEY_WORDS
 * (those of a key at most), LEAVES with leaf_at[] and first_leaf[] (by word).  Other files have
 * systems[], and what the systems do.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t W;
typedef int64_t V;

enum { RUNNING, DONE, STOPPED_STATES, STOPPED_MEMORY, STOPPED_INDEX, FIELD_OVERFLOW };

struct explorer;

/* What several files of one program use. */
#define SHARED __attribute__((visibility("hidden")))

static inline W mask_of(unsigned width)
{
	return width < 64 ? ((W)1 << width) - 1 : ~(W)0;
}

/* The code in the field of `width` bits at a bit offset. */
static inline V get(const W *s, unsigned offset, unsigned width)
{
	unsigned word = offset >> 6, bit = offset & 63;
	W found = s[word] >> bit;

	if (bit + width > 64)
		found |= s[word + 1] << (64 - bit);
	return (V)(found & mask_of(width));
}

extern SHARED W overflow; /* bits of codes that did not fit into their field */

/* The bits of a code for a field of this width. */
static inline W fit(V code, unsigned width)
{
	overflow |= (W)code & ~mask_of(width);
	return (W)code;
}

extern SHARED const V state_bits;

/* The same at a computed offset, which is outside of the state where an object is None: no step
 * that is carried out uses what is read there, or writes there. */
static inline V get_at(const W *s, V offset, unsigned width)
{
	return offset < 0 || offset + width > state_bits ? 0 : get(s, (unsigned)offset, width);
}

static inline void put(W *t, unsigned offset, unsigned width, V code)
{
	unsigned word = offset >> 6, bit = offset & 63;
	W mask = mask_of(width), value = fit(code, width);

	t[word] = (t[word] & ~(mask << bit)) | value << bit;
	if (bit + width > 64)
		t[word + 1] = (t[word + 1] & ~(mask >> (64 - bit))) | value >> (64 - bit);
}

static inline void put_at(W *t, V offset, unsigned width, V code)
{
	if (offset < 0 || offset + width > state_bits)
		overflow |= 1;
	else
		put(t, (unsigned)offset, width, code);
}

static inline V within(V value, V low, V high)
{
	return low <= value && value <= high ? value : low;
}

/* The operation of this number was carried out on `t`, in these words, up to the END. */
SHARED void done(struct explorer *x, unsigned number, const uint16_t *words);

#define END 0xffff

/* A check about an invariant (by its number in this text) fails as an operation is about to be
 * carried out. */
SHARED void fail(struct explorer *x, unsigned invariant, int stop);

/* What may be done in state `s`; `t` is a copy of it, and so again after done(). */
typedef void (*steps)(const W *s, W *t, struct explorer *x);
typedef V (*condition)(const W *s);

/* What a thread does, or the rules, which have one location. */
struct text {
	unsigned operations;
	const steps *at;       /* by location; NULL where there are none */
	const W *watch;        /* by location: the checks of states that they may change */
	const unsigned *invariant; /* by number in the text */
};

struct thread {
	unsigned pc, pc_width; /* where its program counter is */
	V end;
	struct text text;
};

struct judges {
	unsigned count;
	const condition *holds; /* of each; then whether all hold */
	const unsigned *invariant;
};

struct system {
	unsigned threads;
	const unsigned char *software; /* by number of the rule: no hardware takes it by itself */
	const struct thread *thread;
	struct text rules;
	struct judges checks, finals;
};

extern SHARED const struct system systems[];
extern SHARED const unsigned invariants; /* how many names there are */

#define PURE __attribute__((pure))
#define ONCE __attribute__((noinline))
#define DEADLOCK 0             /* the number of the invariant that there is none */

#define RAW_WORDS 2            /* a state of no more words is its own key */

/* Where a leaf is in the words of a state. */
struct leaf {
	unsigned word, bit, width;
};
