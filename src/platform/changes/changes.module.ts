import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Change, CatalogRevision } from './change.entity.js';
import { Changes } from './changes.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([CatalogRevision, Change])],
  providers: [Changes],
  exports: [Changes],
})
export class ChangesModule {}
