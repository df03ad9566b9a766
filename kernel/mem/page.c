/* SPDX-License-Identifier: MIT */
/* Where the descriptions of the frames are; mem/frame sets it. */
#include "mem/page.h"

struct page *page_array;
pfn_t page_base_pfn, page_end_pfn;
