import { Global, Module } from '@nestjs/common'
import { RepeatingWork } from './repeating-work.js'

@Global()
@Module({ providers: [RepeatingWork], exports: [RepeatingWork] })
export class UpkeepModule {}
