/* A doubly linked list whose links lie in the items: an item leaves without knowing its list.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_LIST_H
#define MW_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct mw_link {
    struct mw_link *next, *previous; /* both NULL (zeroed) or both itself: in no list */
};

/* The item that holds the link. */
#define MW_ITEM(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void mw_list_init(struct mw_link *list)
{
    list->next = list->previous = list;
}

static inline bool mw_list_empty(const struct mw_link *list)
{
    return list->next == list;
}

static inline bool mw_linked(const struct mw_link *link)
{
    return link->next != NULL && link->next != link;
}

static inline void mw_list_append(struct mw_link *list, struct mw_link *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void mw_list_prepend(struct mw_link *list, struct mw_link *link)
{
    mw_list_append(list->next, link);
}

/* Takes the link out of its list; one that is in none stays so. */
static inline void mw_unlink(struct mw_link *link)
{
    if (link->next == NULL)
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

/* Moves all of `from` to the empty `to`. */
static inline void mw_list_move(struct mw_link *from, struct mw_link *to)
{
    mw_list_init(to);
    if (mw_list_empty(from))
        return;
    *to = *from;
    to->next->previous = to;
    to->previous->next = to;
    mw_list_init(from);
}

#endif
