// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state that stands for its orbit; see `orbits` of the engines.
 */
#pragma once

#include "fields.h"

/* How states are taken to the one that stands for their orbit; see `orbits`. */
#define OWNERS 4
#define CLASSES 8
#define OBJECTS 8

struct field {
	uint32_t offset, width;
	int32_t holds;         /* the class of what it holds, or -1 */
	uint32_t owners, class_of[OWNERS], code_of[OWNERS];
	uint32_t own[OWNERS];  /* where the weights of its codes begin */
	W ref;
};

struct orbits {
	uint32_t classes, fields, size[CLASSES], orders[CLASSES];
	const uint8_t *order[CLASSES]; /* OBJECTS + 1 codes for each */
	const uint16_t *places;        /* `fields` for each choice of orders */
	const struct field *field;
	const W *weight;
};

static int is_less(const W *one, const W *two, unsigned words)
{
	for (unsigned i = words; i-- > 0;)
		if (one[i] != two[i])
			return one[i] < two[i];
	return 0;
}

/* Whether no key is less than the one before it when objects are in this order. */
static int in_order(const W *key, const uint8_t *order, unsigned size)
{
	W placed[OBJECTS + 1];

	for (unsigned code = 1; code <= size; code++)
		placed[order[code]] = key[code];
	for (unsigned code = 1; code < size; code++)
		if (placed[code] > placed[code + 1])
			return 0;
	return 1;
}

/* Make a state the one that stands for its orbit. */
static void stand_for(const struct orbits *o, W *state, unsigned words)
{
	W key[CLASSES][OBJECTS + 1], best[words], made[words], rest[words];
	uint8_t code[o->fields];
	unsigned at[CLASSES] = {0}, some = 0, c;

	memset(key, 0, sizeof(key));
	memcpy(rest, state, sizeof(rest));
	for (unsigned n = 0; n < o->fields; n++) {
		const struct field *f = &o->field[n];

		code[n] = (uint8_t)get(state, f->offset, f->width);
		put(rest, f->offset, f->width, 0);
		for (unsigned i = 0; i < f->owners; i++)
			key[f->class_of[i]][f->code_of[i]] += o->weight[f->own[i] + code[n]];
		if (code[n] && f->holds >= 0)
			key[f->holds][code[n]] += f->ref;
	}
	for (;;) { /* all choices of an order of each class, the last class fastest */
		W number = 0;
		int fits = 1;

		for (c = 0; c < o->classes && fits; c++) {
			const uint8_t *order = o->order[c] + at[c] * (OBJECTS + 1);

			number = number * o->orders[c] + at[c];
			fits = in_order(key[c], order, o->size[c]);
			if (!fits) /* nor does any choice for the classes after it */
				for (unsigned i = c + 1; i < o->classes; i++)
					at[i] = o->orders[i] - 1;
		}
		if (fits) {
			const uint16_t *place = o->places + number * o->fields;

			memcpy(made, rest, sizeof(made));
			for (unsigned n = 0; n < o->fields; n++) {
				const struct field *f = &o->field[n], *to = &o->field[place[n]];
				V held = code[n];

				if (!held)
					continue;
				if (f->holds >= 0)
					held = o->order[f->holds][at[f->holds] * (OBJECTS + 1) + held];
				put(made, to->offset, to->width, (W)held);
			}
			if (!some || is_less(made, best, words))
				memcpy(best, made, sizeof(best));
			some = 1;
		}
		for (c = o->classes; c-- > 0;) {
			if (++at[c] < o->orders[c])
				break;
			at[c] = 0;
		}
		if (c == (unsigned)-1)
			break;
	}
	memcpy(state, best, sizeof(best));
}
