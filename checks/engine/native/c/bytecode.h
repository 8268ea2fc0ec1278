// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of operations and of conditions, as `codegen/bytecode.py` writes it, and its interpreter.
 *
 * A text is words of 32 bits, an instruction and what belongs to it; values are on a stack.  It is
 * one array for all places of a thread, so that what several places compute is there once.
 */
#pragma once

#include "fields.h"

#define STACK 256              /* values, and calls: the writer refuses what needs more */

/* The order is that of `Instruction` in the writer. */
enum {
	RETURN, NUMBER, POOLED, FIELD, FIELD_AT, ADD, SUBTRACT, OR, AND, WITHOUT, HAS, LESS, EQUAL,
	IS_CODE, NOT, UNLESS, IF, UNLESS_CODE, IF_CODE, SWITCH, GOTO, UNLESS_KEEP, IF_KEEP, NARROW, TABLE, SINGLE, PART, LEFT, TIMES,
	CALL, CHECK, WORD, STORE, STORE_AT, END_OP, END,
};

struct text {
	int32_t *word;
	V *pool;               /* tables, and constants that are wider than 32 bits */
	uint32_t words, pooled;
};

/* The operations that a text carries out are told here. */
struct listener {
	W *changed;            /* a copy of the state, and so again after `done` */
	unsigned state_words;
	int overflow;          /* a code did not fit into its field */
	/* A check of this invariant, by its number in the code, fails. */
	void (*fail)(struct listener *l, unsigned invariant, int halts);
	/* The operation of this number was carried out on `changed`. */
	void (*done)(struct listener *l, unsigned number, const W *state);
};

static inline W pair(const int32_t *p)
{
	return (W)(uint32_t)p[0] | (W)(uint32_t)p[1] << 32;
}

/* A field at a computed offset is outside of the state where an object is None: no step that is
 * carried out uses what is read there, or writes there. */
static inline int is_outside(V offset, unsigned width, unsigned words)
{
	return offset < 0 || offset + (V)width > (V)words * 64;
}

/* Run a text from an address on; the value that is on top of the stack at the end. */
static V interpret(const struct text *text, uint32_t from, const W *s, struct listener *l)
{
	V stack[STACK + 1] = {0}, *top = stack;
	const int32_t *calls[STACK], **call = calls, *p = text->word + from;
	W *t = l->changed;

	for (;;)
		switch (*p++) {
		case RETURN:
			p = *--call;
			break;
		case NUMBER:
			*++top = *p++;
			break;
		case POOLED:
			*++top = text->pool[*p++];
			break;
		case FIELD: /* offset, width, lowest */
			*++top = get(s, (unsigned)p[0], (unsigned)p[1]) + p[2];
			p += 3;
			break;
		case FIELD_AT: /* width, lowest */
			*top = is_outside(*top, (unsigned)p[0], l->state_words) ?
				p[1] : get(s, (unsigned)*top, (unsigned)p[0]) + p[1];
			p += 2;
			break;
		case ADD:
			top--;
			top[0] = (V)((W)top[0] + (W)top[1]);
			break;
		case SUBTRACT:
			top--;
			top[0] = (V)((W)top[0] - (W)top[1]);
			break;
		case OR:
			top--;
			top[0] |= top[1];
			break;
		case AND:
			top--;
			top[0] &= top[1];
			break;
		case WITHOUT:
			top--;
			top[0] &= ~top[1];
			break;
		case HAS:
			top--;
			top[0] = (V)((W)top[0] >> (top[1] & 63) & 1);
			break;
		case LESS:
			top--;
			top[0] = top[0] < top[1];
			break;
		case EQUAL:
			top--;
			top[0] = top[0] == top[1];
			break;
		case IS_CODE: /* offset, width, code */
			*++top = get(s, (unsigned)p[0], (unsigned)p[1]) == p[2];
			p += 3;
			break;
		case NOT:
			*top = !*top;
			break;
		case UNLESS: /* where to */
			p = *top-- ? p + 1 : text->word + *p;
			break;
		case IF:
			p = *top-- ? text->word + *p : p + 1;
			break;
		case UNLESS_CODE: /* offset, width, code, where to */
			p = get(s, (unsigned)p[0], (unsigned)p[1]) == p[2] ? p + 4 :
				text->word + p[3];
			break;
		case IF_CODE:
			p = get(s, (unsigned)p[0], (unsigned)p[1]) == p[2] ?
				text->word + p[3] : p + 4;
			break;
		case SWITCH: /* offset, width, where to for each code */
			p = text->word + p[2 + get(s, (unsigned)p[0], (unsigned)p[1])];
			break;
		case GOTO:
			p = text->word + *p;
			break;
		case UNLESS_KEEP:
			if (*top) {
				top--;
				p++;
			} else {
				p = text->word + *p;
			}
			break;
		case IF_KEEP:
			if (*top) {
				p = text->word + *p;
			} else {
				top--;
				p++;
			}
			break;
		case NARROW: /* lowest, highest */
			if (*top < p[0] || *top > p[1])
				*top = p[0];
			p += 2;
			break;
		case TABLE: /* where it begins, how many there are */
			*top = *top < 0 || *top >= p[1] ? 0 : text->pool[p[0] + *top];
			p += 2;
			break;
		case SINGLE:
			*top = (V)((W)1 << (*top & 63));
			break;
		case PART: /* shift, width */
			*top = (V)((W)*top >> p[0] & mask_of((unsigned)p[1]));
			p += 2;
			break;
		case LEFT:
			*top = (V)((W)*top << *p++);
			break;
		case TIMES:
			*top = (V)((W)*top * (W)*p++);
			break;
		case CALL:
			*call++ = p + 1;
			p = text->word + *p;
			break;
		case CHECK: /* invariant, halts, where to go on then */
			if (!*top--) {
				l->fail(l, (unsigned)p[0], p[1]);
				if (p[1]) {
					p = text->word + p[2];
					break;
				}
			}
			p += 3;
			break;
		case WORD: /* number, what is cleared (2), what is set (2) */
			t[p[0]] = (t[p[0]] & ~pair(p + 1)) | pair(p + 3);
			p += 5;
			break;
		case STORE: { /* offset, width: of a field that was cleared */
			W code = (W)*top--;
			unsigned word = (unsigned)p[0] >> 6, bit = p[0] & 63, width = (unsigned)p[1];

			l->overflow |= (code & ~mask_of(width)) != 0;
			t[word] |= code << bit;
			if (bit + width > 64)
				t[word + 1] |= code >> (64 - bit);
			p += 2;
			break;
		}
		case STORE_AT: /* width; the offset, and upon it the code */
			top -= 2;
			if (is_outside(top[1], (unsigned)p[0], l->state_words) ||
			    (W)top[2] & ~mask_of((unsigned)p[0]))
				l->overflow = 1;
			else
				put(t, (unsigned)top[1], (unsigned)p[0], (W)top[2]);
			p++;
			break;
		case END_OP: /* number */
			l->done(l, (unsigned)*p++, s);
			break;
		case END:
			return *top;
		}
}
