// 16 bytes at a time.
#pragma once
