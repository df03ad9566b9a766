/* SPDX-License-Identifier: MIT */
#include "proc/futexkey.h"
#include "lib/errno.h"
#include "sched/thread.h"
#include "vm/fault.h"
#include "vm/ptshare.h"
#include "vm/usercopy.h"

long futex_key_get(uaddr_t addr, bool private, struct futex_key *k)
{
	struct aspace *as = thread_current()->aspace;
	struct page *p = NULL;

	if (addr & 3)
		return -EINVAL;
	*k = (struct futex_key){ as, addr, NULL };
	if (private)
		return user_range_ok(addr, 4) ? 0 : -EFAULT;
	if (vm_fault(as, addr, FAULT_READ, false) != FAULT_OK)
		return -EFAULT;
	spin_lock(&as->pt_lock);
	pte_t e = ptshare_peek(as, addr, NULL);
	if (pte_present(e) && pte_shared(e) && (p = ptshare_page(e)) != NULL)
		page_get(p);
	spin_unlock(&as->pt_lock);
	if (p)
		*k = (struct futex_key){ p, addr & (PAGE_SIZE - 1), p };
	return 0;
}

void futex_key_put(struct futex_key *k)
{
	if (k->page)
		page_put(k->page);
}
