// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the operations at a place do, and what is remembered of it.
 *
 * A place is a location of a thread; rules, and a condition, have one.  What happens there depends
 * on few bits of the state, its footprint, so that what was found out in one state is known for
 * every state that agrees in these: which bits are flipped, by which operations, and what fails.
 */
#pragma once

#include "bytecode.h"

#define NOTHING UINT32_MAX

struct place {
	uint32_t text;         /* where its text begins; NOTHING: it is not written yet */
	unsigned words;        /* of the footprint: which words of the state, and which bits */
	uint16_t *word;
	W *mask;
	/* a hash table: keys of `words` words, and the numbers of effects, NOTHING in a free slot */
	W *key;
	uint32_t *effect, room, used;
};

/* Of a condition: the value.  Else moves, each a number, how many words it flips and for each of
 * them which it is and the bits (2); and invariants that fail, by their number in the code. */
struct effect {
	uint32_t search;       /* the last one that came upon it */
	uint32_t moves, first_move, failures, first_failure;
	uint8_t halted, progress, value;
};

struct code {
	struct text text;
	uint32_t text_room, pool_room;
	unsigned places, operations;
	const uint8_t *software; /* by number: no hardware does it by itself; NULL for a thread */
	int remembers;         /* else each effect is used once */
	struct place *place;
	struct effect *effect;
	uint32_t effects, effect_room, *move, moves, move_room, *failure, failures, failure_room;
	W table_bytes;
	int no_memory;
};

/* The one that a text is run for. */
struct evaluation {
	struct listener listener;
	struct code *code;
	uint32_t effect;
};

static inline W remembered(const struct code *c)
{
	return c->table_bytes + (W)c->effects * sizeof(struct effect) +
	       4 * ((W)c->moves + c->failures);
}

static inline void push(struct code *c, uint32_t **list, uint32_t *used, uint32_t *room, uint32_t v)
{
	if (roomy((void **)list, *used, room, sizeof(v)))
		(*list)[(*used)++] = v;
	else
		c->no_memory = 1;
}

static void note_failure(struct listener *l, unsigned invariant, int halts)
{
	struct evaluation *e = (struct evaluation *)l;
	struct code *c = e->code;

	push(c, &c->failure, &c->failures, &c->failure_room, invariant);
	c->effect[e->effect].failures++;
	c->effect[e->effect].halted |= halts != 0;
}

static void note_move(struct listener *l, unsigned number, const W *state)
{
	struct evaluation *e = (struct evaluation *)l;
	struct code *c = e->code;
	struct effect *effect = &c->effect[e->effect];
	uint32_t *move;

	while (c->moves + 2 + 3 * l->state_words > c->move_room)
		if (!roomy((void **)&c->move, c->move_room, &c->move_room, sizeof(*move))) {
			c->no_memory = 1;
			return;
		}
	move = c->move + c->moves;
	c->moves += 2;
	move[0] = number;
	move[1] = 0;
	for (unsigned i = 0; i < l->state_words; i++) {
		W flips = l->changed[i] ^ state[i];

		if (!flips)
			continue;
		l->changed[i] = state[i];
		c->move[c->moves++] = i;
		c->move[c->moves++] = (uint32_t)flips;
		c->move[c->moves++] = (uint32_t)(flips >> 32);
		move[1]++;
	}
	effect->moves++;
	effect->progress |= !c->software || (move[1] && c->software[number]);
}

/* -- tables ------------------------------------------------------------------------------------ */

static int grow_place(struct code *c, struct place *p)
{
	uint32_t room = p->effect ? 2 * p->room : 8, *effect;
	unsigned words = p->words;
	W *key;

	if (!(effect = malloc(room * sizeof(*effect))))
		return 0;
	if (!(key = malloc((W)room * (words + 1) * sizeof(*key)))) {
		free(effect);
		return 0;
	}
	memset(effect, 0xff, room * sizeof(*effect));
	for (uint32_t i = 0; p->effect && i < p->room; i++) {
		const W *old = p->key + (W)i * words;
		uint32_t at;

		if (p->effect[i] == NOTHING)
			continue;
		at = (uint32_t)hash_of(old, words) & (room - 1);
		while (effect[at] != NOTHING)
			at = (at + 1) & (room - 1);
		memcpy(key + (W)at * words, old, words * sizeof(W));
		effect[at] = p->effect[i];
	}
	c->table_bytes += (W)(room - (p->effect ? p->room : 0)) * (8 * words + 4);
	free(p->key);
	free(p->effect);
	p->key = key;
	p->effect = effect;
	p->room = room;
	return 1;
}

/* Forget all effects. */
static void forget(struct code *c)
{
	for (unsigned i = 0; i < c->places; i++) {
		struct place *p = &c->place[i];

		free(p->key);
		free(p->effect);
		p->key = NULL;
		p->effect = NULL;
		p->room = p->used = 0;
	}
	c->effects = c->moves = c->failures = 0;
	c->table_bytes = 0;
}

/* Find out what is done at a place, on the changed copy of a state; NOTHING without memory. */
static uint32_t found_out(struct code *c, const struct place *p, const W *state,
			  struct evaluation *e)
{
	if (!c->remembers)
		c->effects = c->moves = c->failures = 0;
	if (!roomy((void **)&c->effect, c->effects, &c->effect_room, sizeof(*c->effect)))
		return NOTHING;
	e->code = c;
	e->effect = c->effects++;
	c->effect[e->effect] = (struct effect){0, 0, c->moves, 0, c->failures, 0, 0, 0};
	c->effect[e->effect].value = interpret(&c->text, p->text, state, &e->listener) != 0;
	return c->no_memory ? NOTHING : e->effect;
}

/* The number of the effect of a place in a state; NOTHING without memory. */
static inline uint32_t effect_at(struct code *c, unsigned at, const W *state, W *key,
				 struct evaluation *e)
{
	struct place *p = &c->place[at];
	uint32_t slot;

	if (!c->remembers)
		return found_out(c, p, state, e);
	if (2 * p->used >= p->room && !grow_place(c, p))
		return NOTHING;
	for (unsigned i = 0; i < p->words; i++)
		key[i] = state[p->word[i]] & p->mask[i];
	slot = (uint32_t)hash_of(key, p->words) & (p->room - 1);
	while (p->effect[slot] != NOTHING) {
		if (same(p->key + (W)slot * p->words, key, p->words))
			return p->effect[slot];
		slot = (slot + 1) & (p->room - 1);
	}
	memcpy(p->key + (W)slot * p->words, key, p->words * sizeof(W));
	p->used++;
	return p->effect[slot] = found_out(c, p, state, e);
}

/* -- what is called from outside ---------------------------------------------------------------- */

struct code *code_open(unsigned places, unsigned operations, const uint8_t *software, int remembers)
{
	struct code *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->places = places;
	c->operations = operations;
	c->software = software; /* stays with the caller */
	c->remembers = remembers;
	c->place = calloc(places, sizeof(*c->place));
	if (!c->place) {
		free(c);
		return NULL;
	}
	for (unsigned i = 0; i < places; i++)
		c->place[i].text = NOTHING;
	return c;
}

void code_close(struct code *c)
{
	forget(c);
	for (unsigned i = 0; i < c->places; i++) {
		free(c->place[i].word);
		free(c->place[i].mask);
	}
	free(c->text.word);
	free(c->text.pool);
	free(c->place);
	free(c->effect);
	free(c->move);
	free(c->failure);
	free(c);
}

static int append(void **array, uint32_t *used, const void *more, uint32_t count, size_t size)
{
	void *made = realloc(*array, ((W)*used + count + 1) * size);

	if (!made)
		return 0;
	*array = made;
	memcpy((char *)made + *used * size, more, count * size);
	*used += count;
	return 1;
}

/* Write the text of a place, which is added to what there is and begins at `at`, and its
 * footprint; gives 0 without memory. */
int code_write(struct code *c, unsigned place, uint32_t at, const int32_t *word, uint32_t words,
	       const V *pool, uint32_t pooled, const uint16_t *footprint, const W *mask,
	       unsigned footprint_words)
{
	struct place *p = &c->place[place];

	if (!append((void **)&c->text.word, &c->text.words, word, words, sizeof(*word)) ||
	    !append((void **)&c->text.pool, &c->text.pooled, pool, pooled, sizeof(*pool)))
		return 0;
	p->word = malloc((footprint_words + 1) * sizeof(*p->word));
	p->mask = malloc((footprint_words + 1) * sizeof(*p->mask));
	if (!p->word || !p->mask)
		return 0;
	memcpy(p->word, footprint, footprint_words * sizeof(*p->word));
	memcpy(p->mask, mask, footprint_words * sizeof(*p->mask));
	p->words = footprint_words;
	p->text = at;
	return 1;
}
