// SPDX-License-Identifier: GPL-2.0-only
/*
 * The compiled explorer: breadth first over packed states, as `reference` does it.
 *
 * States, violations and counts are those of the reference explorer, in the same order.  The queue
 * has the keys of states in the order in which they were found, with the number of the state that
 * each was reached from; the hash table has numbers of states.
 */

#include "keys.h"

W overflow;
const V state_bits = 64 * WORDS;

/* -- states ----------------------------------------------------------------------------------- */

static void note(struct explorer *x, unsigned invariant, W state, W depth, int at_step)
{
	struct violation *v = &x->violation[invariant];

	if (!v->seen)
		*v = (struct violation){1, (uint32_t)state, (uint32_t)depth, (uint32_t)at_step};
}

#define EVERY (~(W)0)

static void judge(struct explorer *x, const W *state, W which, W number, W depth)
{
	const struct judges *y = &x->system->checks;

	if (which == EVERY && (!y->count || y->holds[y->count](state)))
		return;
	for (unsigned k = 0; k < y->count; k++)
		if ((k > 63 || which >> k & 1) && !x->violation[y->invariant[k]].seen &&
		    !y->holds[k](state))
			note(x, y->invariant[k], number, depth, 0);
}

/* Judge the state that was found last. */
static void judge_key(struct explorer *x, const W *found, W which)
{
	W key[KEY_WORDS], state[WORDS];

	if (WORDS <= RAW_WORDS) {
		judge(x, found, which, x->states - 1, x->levels);
		return;
	}
	memcpy(key, x->key, sizeof(key));
	memcpy(state, x->state, sizeof(state));
	unfold(x, found, key, state);
	judge(x, state, which, x->states - 1, x->levels);
}

/* Look up the first successors. */
static void look_up(struct explorer *x, unsigned count)
{
	for (unsigned i = 0; i < count && !x->ran_out; i++) {
		struct successor *n = &x->successor[i];

		if (i + 8 < count)
			expect_state(x, n[8].hash);
		if (found(x, n->key, n->hash, n->parent) && n->watch)
			judge_key(x, n->key, n->watch);
	}
	x->successors -= count;
	memmove(x->successor, x->successor + count, x->successors * sizeof(*x->successor));
	x->mark -= count;
}

/* -- steps ------------------------------------------------------------------------------------ */

static uint16_t every_word[WORDS + 1];

/* Whether any of the words that were written is another than before. */
static int differs(const struct explorer *x, const uint16_t *words)
{
	for (; *words != END; words++)
		if (x->changed[*words] != x->state[*words])
			return 1;
	return 0;
}

void done(struct explorer *x, unsigned number, const uint16_t *words)
{
	struct successor *n;

	if (x->successors == x->successor_room) {
		n = realloc(x->successor, 2 * x->successor_room * sizeof(*n));
		if (!n) {
			x->ran_out = STOPPED_MEMORY;
			return;
		}
		x->successor = n;
		x->successor_room *= 2;
	}
	x->firing[number] = 1;
	if (x->software && x->software[number] && differs(x, words))
		x->moved = 1;
	n = &x->successor[x->successors++];
	memcpy(n->key, x->key, sizeof(W) * words_of(x));
	n->parent = (uint32_t)x->done;
	n->watch = x->watch;
	if (x->orbits) {
		stand_for(x->orbits, x->changed);
		words = every_word;
	}
	for (; *words != END; words++) {
		change_key(x, n, *words);
		x->changed[*words] = x->state[*words];
	}
	n->hash = hash_of(n->key, words_of(x));
	expect_bucket(x, n->hash);
}

void fail(struct explorer *x, unsigned number, int stop)
{
	unsigned invariant = x->invariant[number];

	if (!x->violation[invariant].seen) {
		look_up(x, x->mark); /* states that were found before may break it as well */
		note(x, invariant, x->done, x->levels, 1);
	}
	x->stopped |= stop;
}

/* Carry out what a thread, or the rules, may do at a location, and give how much that was; `watch`:
 * the checks of states that it may change. */
static unsigned carry_out(struct explorer *x, const struct text *text, W at, W watch)
{
	x->mark = x->successors;
	x->watch = watch;
	x->invariant = text->invariant;
	text->at[at](x->state, x->changed, x);
	x->transitions += x->successors - x->mark;
	return x->successors - x->mark;
}

static void end(struct explorer *x)
{
	const struct system *y = x->system;

	look_up(x, x->successors);
	for (unsigned i = 0; i < y->threads; i++) {
		const struct thread *t = &y->thread[i];

		if (get(x->state, t->pc, t->pc_width) != t->end) {
			note(x, DEADLOCK, x->done, x->levels - 1, 0);
			return;
		}
	}
	for (unsigned k = 0; k < y->finals.count; k++)
		if (!x->violation[y->finals.invariant[k]].seen && !y->finals.holds[k](x->state))
			note(x, y->finals.invariant[k], x->done, x->levels - 1, 0);
}

static void expand(struct explorer *x)
{
	const struct system *y = x->system;

	unfold(x, x->queue + x->done * words_of(x), x->key, x->state);
	memcpy(x->changed, x->state, sizeof(x->changed));
	x->moved = x->stopped = 0;
	x->software = NULL;
	for (unsigned i = 0; i < y->threads; i++) {
		const struct thread *t = &y->thread[i];
		W pc = (W)get(x->state, t->pc, t->pc_width);

		x->firing = x->fired[i];
		if (t->text.at[pc] && carry_out(x, &t->text, pc, t->text.watch[pc]))
			x->moved = 1;
	}
	if (y->rules.at) {
		x->firing = x->fired[y->threads];
		x->software = y->software;
		carry_out(x, &y->rules, 0, EVERY);
	}
	if (!x->moved && !x->stopped)
		end(x);
	if (x->successors > 128)
		look_up(x, x->successors);
	x->done++;
}

/* -- what is called from outside ---------------------------------------------------------------- */

void explore_close(struct explorer *x)
{
	if (!x)
		return;
	for (unsigned i = 0; x->fired && i <= x->system->threads; i++)
		free(x->fired[i]);
	free(x->fired);
	give_back(x->queue, x->queue_bytes);
	give_back(x->parent, x->parent_bytes);
	give_back(x->table, x->buckets * sizeof(struct bucket));
	free(x->successor);
	free(x->violation);
	for (unsigned k = 0; k < LEAVES; k++) {
		free(x->leaf[k].value);
		free(x->leaf[k].table);
	}
	free(x);
}

#define MOST_BYTES ((W)1 << 40)  /* of keys */

/* NULL if there is no memory; `orbits`, if it is not NULL, stays with the caller. */
struct explorer *explore_open(unsigned number, const W *initial, W max_states, W max_bytes,
			      const struct orbits *orbits)
{
	struct explorer *x = calloc(1, sizeof(*x));
	const struct system *y = &systems[number];
	int ok = 1;

	if (!x)
		return NULL;
	overflow = 0;
	for (unsigned i = 0; i < WORDS; i++)
		every_word[i] = (uint16_t)i;
	every_word[WORDS] = END;
	x->orbits = orbits;
	x->system = y;
	x->max_states = max_states;
	x->max_bytes = max_bytes;
	x->words = WORDS <= RAW_WORDS ? WORDS : 1;
	x->successor_room = 1024;
	x->successor = malloc(x->successor_room * sizeof(*x->successor));
	x->fired = calloc(y->threads + 1, sizeof(*x->fired));
	for (unsigned i = 0; x->fired && i <= y->threads; i++) {
		const struct text *text = i < y->threads ? &y->thread[i].text : &y->rules;

		x->fired[i] = calloc(text->operations + 1, 1);
		ok &= x->fired[i] != NULL;
	}
	x->violation = calloc(invariants, sizeof(*x->violation));
	ok = ok && x->fired && x->successor && x->violation;
	x->queue_bytes = max_bytes < MOST_BYTES ? max_bytes : MOST_BYTES;
	x->parent_bytes = 4 * (W)UINT32_MAX;
	ok = ok && (x->queue = reserve(&x->queue_bytes)) && (x->parent = reserve(&x->parent_bytes));
	ok = ok && grow_queue(x, 1 << 12, x->words) && grow_table(x, 1 << 10) && begin(x, initial);
	if (!ok) {
		explore_close(x);
		return NULL;
	}
	found(x, x->key, hash_of(x->key, words_of(x)), 0);
	judge(x, initial, EVERY, 0, 0);
	x->done = x->level_end = 0;
	return x;
}

/* Expand about `budget` states; gives how the search stands. */
int explore_run(struct explorer *x, W budget)
{
	while (x->status == RUNNING) {
		if (x->done == x->level_end) { /* the first of a level */
			look_up(x, x->successors);
			if (x->ran_out)
				return x->status = x->ran_out;
			if (x->done == x->states)
				return x->status = DONE;
			if (x->states >= x->max_states)
				return x->status = STOPPED_STATES;
			x->level_end = x->states;
			x->in_level = 0;
			x->levels++;
		}
		if (!(++x->in_level & 0xfff)) {
			look_up(x, x->successors);
			if (x->states >= x->max_states)
				return x->status = STOPPED_STATES;
		}
		expand(x);
		if (overflow)
			return x->status = FIELD_OVERFLOW;
		if (x->ran_out)
			return x->status = x->ran_out;
		if (!--budget)
			break;
	}
	return x->status;
}

/* states, transitions, levels, bytes */
void explore_counts(const struct explorer *x, W *counts)
{
	counts[0] = x->states;
	counts[1] = x->transitions;
	counts[2] = x->levels;
	counts[3] = used_bytes(x);
}

/* Whether an invariant is violated; then the state, the depth, and whether at a step. */
int explore_violation(const struct explorer *x, unsigned invariant, uint32_t *where)
{
	const struct violation *v = &x->violation[invariant];

	where[0] = v->state;
	where[1] = v->depth;
	where[2] = v->at_step;
	return (int)v->seen;
}

const unsigned char *explore_fired(const struct explorer *x, unsigned thread)
{
	return x->fired[thread];
}

/* The words of a state by number, and the number of the state that it was reached from. */
uint32_t explore_state(const struct explorer *x, uint32_t number, W *state)
{
	W key[KEY_WORDS];

	memcpy(key, x->key, sizeof(key));
	memcpy(state, x->state, sizeof(x->state));
	unfold(x, x->queue + (W)number * words_of(x), key, state);
	return x->parent[number];
}

