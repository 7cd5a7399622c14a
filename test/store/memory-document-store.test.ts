import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { documentStoreContract } from './contract.ts';

documentStoreContract('memory (the double of other tests)', async () => {
  const shared = memoryDocuments();
  return { open: async () => new MemoryDocumentStore(shared), dispose: async () => undefined };
});
